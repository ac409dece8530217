import { type FixOp, fixOps, type GivenStep } from '../../letters/fix.ts';

/** Steps of a fix as they are written on the command line: `set field=value`, `rename a=b`, `remove a`, `cast a=number`. */

const STEP = /^\s*(\w+)\s+(\S[^=]*?)\s*(?:=([\s\S]*))?$/;

/** The steps, or what is wrong with one of them. */
export function readSteps(texts: readonly string[]): GivenStep[] | string {
  const steps: GivenStep[] = [];
  for (const text of texts) {
    const step = readStep(text);
    if (typeof step === 'string') return step;
    steps.push(step);
  }
  return steps;
}

function readStep(text: string): GivenStep | string {
  const [, op, field, value] = STEP.exec(text) ?? [];
  if (op === undefined || field === undefined || !(fixOps as readonly string[]).includes(op))
    return `--fix is '${text}'; it takes 'set field=value', 'rename field=name', 'remove field' or 'cast field=number'.`;
  if ((op as FixOp) === 'remove')
    return value === undefined ? { op, field } : `--fix is '${text}'; remove takes a field alone.`;
  if (value === undefined) return `--fix is '${text}'; ${op} takes a value: '${op} ${field}=…'.`;
  return { op, field, value: op === 'set' ? readValue(value) : value.trim() };
}

/** JSON, else the text as it is: nobody should have to quote a word twice. */
function readValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
