import { describe, expect, it } from '@jest/globals';
import { stackexchange } from './stackexchange.js';

function nameOf(displayName: string): string | undefined {
  const item = { account_id: '55', display_name: displayName, profile_image: undefined };
  return stackexchange.toProfile({ items: [item] }, {}).name;
}

describe('the name of a Stack Exchange user', () => {
  it.each([
    ['G&#252;nter', 'Günter'],
    ['G&#xFC;nter', 'Günter'],
    ['G&#Xfc;nter', 'Günter'],
    ['&#128512; Ada', '😀 Ada'],
    ['Ada &amp; O&#39;Sample', "Ada & O'Sample"],
    ['&lt;Ada&gt; &quot;A&quot; O&apos;Sample', '<Ada> "A" O\'Sample'],
  ])('is read as HTML: %s', (html, name) => {
    expect(nameOf(html)).toBe(name);
  });

  it('is read once: an escaped reference stays a reference', () => {
    expect(nameOf('&amp;#252; &amp;amp;')).toBe('&#252; &amp;');
  });

  it.each([
    '&#0;',
    '&#x0;',
    '&#55296;',
    '&#xD800;',
    '&#xDFFF;',
    '&#1114112;',
    '&#x110000;',
    '&#99999999;',
    '&nope;',
    '&constructor;',
  ])('keeps what refers to no character: %s', (html) => {
    expect(nameOf(html)).toBe(html);
  });
});
