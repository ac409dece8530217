import { jsonFaultLine, jsonFaultWords } from '../../format/json.ts';

/** Videos as they are pasted or dropped: JSON or NDJSON, each with the line that it begins in. */

export interface LineFault {
  /** From 1. */
  line: number;
  detail: string;
}

export interface Given {
  videos: unknown[];
  /** Of each video. */
  lines: number[];
  faults: LineFault[];
}

/**
 * Reads an array, `{"videos": […]}`, one video, or NDJSON, as `PUT /v1/videos` does. What the service alone can judge is
 * left to it.
 */
export function readGiven(text: string): Given {
  if (text.trim() === '') return { videos: [], lines: [], faults: [] };
  try {
    return judge(readJson(text));
  } catch (cause) {
    if (isLines(text)) return judge(readLines(text));
    return {
      videos: [],
      lines: [],
      faults: [{ line: jsonFaultLine(cause, text), detail: jsonFaultWords(cause) }],
    };
  }
}

/** Whether a text that is no JSON is meant as one video a line: none goes on in the next, and one at least is whole. */
function isLines(text: string): boolean {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const [first = ''] = lines;
  return lines.length > 1 && first.startsWith('{') && !/[[{,:]$/.test(first) && lines.some(isWhole);
}

function isWhole(line: string): boolean {
  try {
    return line.startsWith('{') && typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}

function readJson(text: string): Given {
  const value = JSON.parse(text) as unknown;
  const inside = Array.isArray(value) ? value : (value as { videos?: unknown } | null)?.videos;
  if (!Array.isArray(inside)) return { videos: [value], lines: [firstLine(text)], faults: [] };
  return { videos: inside, lines: linesOfItems(text, Array.isArray(value) ? null : 'videos'), faults: [] };
}

function readLines(text: string): Given {
  const given: Given = { videos: [], lines: [], faults: [] };
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    try {
      given.videos.push(JSON.parse(line));
      given.lines.push(index + 1);
    } catch (cause) {
      given.faults.push({ line: index + 1, detail: jsonFaultWords(cause) });
    }
  });
  return given;
}

/** Finds what is no video at all, and ids that are given twice: of these the last would win in silence. */
function judge(given: Given): Given {
  const seen = new Map<string, number>();
  const faults = [...given.faults];
  given.videos.forEach((video, index) => {
    const line = given.lines[index] ?? 1;
    const id =
      typeof video === 'object' && video !== null ? (video as { video_id?: unknown }).video_id : undefined;
    if (id === undefined || id === null || id === '') {
      faults.push({ line, detail: 'It has no video_id.' });
      return;
    }
    const before = seen.get(String(id));
    if (before !== undefined)
      faults.push({ line, detail: `The video ${JSON.stringify(String(id))} is in line ${before} already.` });
    seen.set(String(id), line);
  });
  return { ...given, faults: faults.sort((a, b) => a.line - b.line) };
}

const TOKENS = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+|\n/g;

/** The lines that the items of an array begin in: of the root, or of a member of the root. The text is known to be JSON. */
function linesOfItems(text: string, member: string | null): number[] {
  const lines: number[] = [];
  const target = member === null ? 1 : 2;
  let line = 1;
  let depth = 0;
  let inside = false;
  let name = '';
  let expected = false;
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '\n') {
      line += 1;
      continue;
    }
    if (inside && depth === target && expected && token !== ']') lines.push(line);
    expected = false;
    if (token === '[' || token === '{') {
      depth += 1;
      if (token === '[' && depth === target && (member === null || name === member)) {
        // Of a member that is there twice the last one counts.
        lines.length = 0;
        inside = true;
        expected = true;
      }
    } else if (token === ']' || token === '}') {
      depth -= 1;
      if (depth < target) inside = false;
    } else if (token === ',') expected = inside && depth === target;
    else if (depth === 1 && token.startsWith('"')) name = JSON.parse(token) as string;
  }
  return lines;
}

function firstLine(text: string): number {
  return text.slice(0, text.search(/\S/)).split('\n').length;
}
