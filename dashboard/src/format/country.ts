const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'code' });

/** `DE` -> `Germany`; what is no code stays as it is. */
export function countryName(code: string): string {
  if (!/^[A-Za-z]{2}$/.test(code)) return code;
  return names.of(code.toUpperCase()) ?? code;
}
