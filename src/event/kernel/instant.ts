/** Moments as clients write them. */

const isoPattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:[Zz]|([+-])(\d{2}):?(\d{2})?)?)?$/;
const digitsPattern = /^-?\d{1,20}(?:\.\d+)?$/;

/** Epoch ms, or NaN: seconds below 1e11, milliseconds below 1e14, microseconds below 1e17, each either side of 0. */
export function readEpoch(value: number): number {
  const size = Math.abs(value);
  if (size < 1e11) return Math.round(value * 1000) + 0;
  if (size < 1e14) return Math.trunc(value);
  if (size < 1e17) return (Math.trunc(value) - (Math.trunc(value) % 1000)) / 1000;
  return NaN;
}

/** Epoch ms of ISO 8601 or of digits, or NaN. Without a zone it is UTC; beyond milliseconds digits are cut off. */
export function readInstantText(text: string): number {
  const parts = isoPattern.exec(text);
  if (parts === null) return digitsPattern.test(text) ? readEpoch(Number(text)) : NaN;
  const field = (i: number) => Number(parts[i] ?? 0);
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(field) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const millisecond = Number((parts[7] ?? '').padEnd(3, '0').slice(0, 3));
  const midnight = new Date(0).setUTCFullYear(year, month - 1, day);
  // A day that its month does not have rolls over into another month.
  if (month < 1 || month > 12 || day < 1 || new Date(midnight).getUTCMonth() !== month - 1) return NaN;
  if (hour > 23 || minute > 59 || second > 59 || field(9) > 23 || field(10) > 59) return NaN;
  const offsetMinutes = (field(9) * 60 + field(10)) * (parts[8] === '-' ? -1 : 1);
  return midnight + ((hour * 60 + minute - offsetMinutes) * 60 + second) * 1000 + millisecond;
}
