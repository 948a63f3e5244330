import { Controller, Get, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CurrentUser, Roles } from '../access/access.decorators.js';
import type { SignedInUser } from '../access/signed-in.js';
import { browserViewOf } from '../doctor/browser-view.js';
import type { Finding } from '../doctor/finding.js';
import { counted } from '../text/numbers.js';
import { Doctor } from './doctor.service.js';
import { frameOf } from './frame.js';

@Controller('admin/doctor')
@Roles('admin', 'viewer')
export class DoctorController {
  constructor(private readonly doctor: Doctor) {}

  @Get()
  async show(@CurrentUser() user: SignedInUser, @Req() request: Request, @Res() response: Response): Promise<void> {
    const findings = await this.doctor.examine(browserViewOf(request));
    const areas = [...new Set(findings.map(({ area }) => area))].map((area) => ({
      name: `${area.charAt(0).toUpperCase()}${area.slice(1)}`,
      id: area.replaceAll(' ', '-'),
      findings: findings.filter((finding) => finding.area === area).map((finding) => shown(finding)),
    }));
    response.render('admin/doctor', { title: 'Doctor', ...frameOf('doctor', user), sum: sumOf(findings), areas });
  }
}

function shown({ status, what, remedy }: Finding) {
  return { status, what, remedy, down: status === 'problem' };
}

function sumOf(findings: readonly Finding[]): string {
  const parts = (['problem', 'warning'] as const).flatMap((status) => {
    const found = findings.filter((finding) => finding.status === status).length;
    return found === 0 ? [] : [counted(found, status)];
  });
  return parts.length === 0 ? 'Nothing is wrong.' : `${parts.join(' and ')}.`;
}
