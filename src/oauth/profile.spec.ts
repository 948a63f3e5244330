import { describe, expect, it } from '@jest/globals';
import { cleanProfile } from './profile.js';

const profile = { subject: '1', emailVerified: true };

describe('cleanProfile', () => {
  it.each(['', 'x'.repeat(256), 'a\u0000b', 'a\ud800b', 'a\nb'])('refuses the subject %p', (subject) => {
    expect(() => cleanProfile({ ...profile, subject })).toThrow('unusable subject');
  });

  it.each(['ada@example.com', 'Ada.Lovelace+test@sub.example.com', 'jürgen@exämple.de'])(
    'keeps the address %s',
    (email) => {
      expect(cleanProfile({ ...profile, email })).toMatchObject({ email, emailVerified: true });
    },
  );

  it.each([
    'ada',
    'ada@@example.com',
    'ada@evil.example@example.com',
    'ada＠example.com',
    ' ada@example.com',
    'ada@example.com\r\nBcc: x@y.z',
    'ada@example.com.',
    'ada@localhost',
    'ada\u0000@example.com',
    `${'x'.repeat(250)}@example.com`,
    '',
  ])('counts %p as no address, and so as unverified', (email) => {
    expect(cleanProfile({ ...profile, email })).toMatchObject({ email: undefined, emailVerified: false });
  });

  it.each([undefined, null, 7, {}])('refuses the subject %p of a provider file without types', (subject) => {
    expect(() => cleanProfile({ ...profile, subject: subject as never })).toThrow('unusable subject');
  });

  it('keeps of the former subjects those that could be stored, without the present one', () => {
    const formerSubjects = ['0', '1', '', 'a\nb', 7 as never];
    expect(cleanProfile({ ...profile, formerSubjects }).formerSubjects).toEqual(['0']);
    expect(cleanProfile({ ...profile, formerSubjects: ['1'] })).not.toHaveProperty('formerSubjects');
  });

  it('takes null for nothing, as a provider file without types says it', () => {
    const nothing = null as never;
    expect(cleanProfile({ ...profile, email: nothing, name: nothing, pictureUrl: nothing })).toMatchObject({
      email: undefined,
      emailVerified: false,
      name: undefined,
      pictureUrl: undefined,
    });
  });

  it('cuts a name at 255 code points and takes control characters out', () => {
    expect(cleanProfile({ ...profile, name: '👋'.repeat(300) }).name).toBe('👋'.repeat(255));
    expect(cleanProfile({ ...profile, name: ' A\u0000d\u001ba \ud800' }).name).toBe('Ada \ufffd');
    expect(cleanProfile({ ...profile, name: ' ' }).name).toBeUndefined();
  });

  it.each(['javascript:alert(1)', 'http://example.com/p.png', '//example.com/p.png', 'data:image/png;base64,x', 'x'])(
    'drops the picture %s',
    (pictureUrl) => {
      expect(cleanProfile({ ...profile, pictureUrl }).pictureUrl).toBeUndefined();
    },
  );
});
