import { Injectable } from '@nestjs/common';

/** Whether this process wants requests. Turned off first when it stops, so that a load balancer looks elsewhere. */
@Injectable()
export class Readiness {
  stopping = false;
}
