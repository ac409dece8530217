/** JSON as text: indented without being parsed into numbers, so that every digit stays, and compared line by line. */

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The same text, indented; text that is no JSON as it is. */
export function prettyJson(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  const tokens = text.match(TOKENS) ?? [];
  let depth = 0;
  let out = '';
  const line = (): string => `\n${'  '.repeat(depth)}`;
  tokens.forEach((token, at) => {
    const closes = token === '}' || token === ']';
    const opened = tokens[at - 1] === '{' || tokens[at - 1] === '[';
    if (closes) depth -= 1;
    if (at > 0 && ((closes && !opened) || (!closes && opened) || tokens[at - 1] === ',')) out += line();
    out += token === ':' ? ': ' : token;
    if (token === '{' || token === '[') depth += 1;
  });
  return out;
}

export interface ComparedLine {
  text: string;
  /** True where the other text does not have this line. */
  changed: boolean;
}

/** Texts of more lines are shown without their differences. */
const COMPARED_LINES_MAX = 1_000;

/** The lines of two texts, with those marked that only one of them has. */
export function compareLines(
  before: string,
  after: string,
): { before: ComparedLine[]; after: ComparedLine[] } {
  const [a, b] = [before.split('\n'), after.split('\n')];
  const plain = (lines: string[]): ComparedLine[] => lines.map((text) => ({ text, changed: false }));
  if (a.length > COMPARED_LINES_MAX || b.length > COMPARED_LINES_MAX)
    return { before: plain(a), after: plain(b) };
  // The last comma of an object moves when a field is added behind it; that is no change.
  const same = (x: string, y: string): boolean => x.replace(/,$/, '') === y.replace(/,$/, '');
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i]![j] = same(a[i]!, b[j]!)
        ? common[i + 1]![j + 1]! + 1
        : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const result = { before: [] as ComparedLine[], after: [] as ComparedLine[] };
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && same(a[i]!, b[j]!)) {
      result.before.push({ text: a[i++]!, changed: false });
      result.after.push({ text: b[j++]!, changed: false });
    } else if (j >= b.length || (i < a.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      result.before.push({ text: a[i++]!, changed: true });
    } else result.after.push({ text: b[j++]!, changed: true });
  }
  return result;
}

/** The line, from 1, that a JSON text breaks in. Engines say it as a line, as a number of characters, or as its end. */
export function jsonFaultLine(cause: unknown, text: string): number {
  const words = String(cause);
  const linesOf = (part: string): number => part.split('\n').length;
  const last = linesOf(text.trimEnd());
  const line = /\(line (\d+)/.exec(words)?.[1];
  if (line !== undefined) return Math.min(Number(line), last);
  const position = /position (\d+)/.exec(words)?.[1];
  if (position !== undefined) return Math.min(linesOf(text.slice(0, Number(position))), last);
  return /end of JSON/i.test(words) ? last : 1;
}

/** What the engine has against a JSON text, without the place. */
export function jsonFaultWords(cause: unknown): string {
  return cause instanceof Error ? cause.message.replace(/ \(line \d+ column \d+\)$/, '') : String(cause);
}
