import { domainToASCII, domainToUnicode } from 'node:url';

/** RFC 1035 §2.3.4: a label, and a whole name without its final dot. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const LONGEST_NAME = 253;

// `domainToASCII` parses its input like a URL's host, which decodes percent signs, drops tabs, and ends at a slash.
const NOT_IN_A_DOMAIN = /[\s/\\?#%@:]/;

/**
 * The one form in which two spellings of a domain are equal: IDNA (UTS #46), ASCII, lower case, without a final dot.
 * `Bücher.example` and `xn--bcher-kva.example` both become the latter.
 *
 * @returns undefined for a text that is not a domain, an IP address among them
 */
export function canonicalDomain(text: string): string | undefined {
  if (NOT_IN_A_DOMAIN.test(text)) return undefined;
  const domain = domainToASCII(text).replace(/\.$/, '');
  const labels = domain.split('.');
  if (domain.length > LONGEST_NAME || !labels.every((label) => LABEL.test(label) && isDecodable(label)))
    return undefined;
  return /^\d+$/.test(labels.at(-1) ?? '') ? undefined : domain;
}

/** An ASCII label that claims to be the Punycode of another one must be it. Node.js checks that itself up to version 22. */
function isDecodable(label: string): boolean {
  return !label.startsWith('xn--') || domainToUnicode(label) !== label;
}

/**
 * The domain of email addresses that a setting names, written `corp.test` or `@corp.test`, in its canonical form.
 *
 * @returns undefined for anything that no address can end with: a pattern, a whole address, a single label
 */
export function emailDomain(text: string): string | undefined {
  const domain = canonicalDomain(text.replace(/^@/, ''));
  return domain?.includes('.') === true ? domain : undefined;
}
