/** The documents as the tests read them: their headings, links, and examples to run. */
import { readDoc } from '../../scripts/write-docs.ts';

export interface Example {
  /** `docs/api.md:120`. */
  readonly place: string;
  readonly script: string;
  /** Has to occur in what it prints. */
  readonly expected: string;
  /** The answer that the document shows right after it, as text; null without one. */
  readonly answer: string | null;
}

const EXAMPLE = /<!-- test: (.+?) -->\n```sh\n([\s\S]*?)```\n(?:\n```json\n([\s\S]*?)```)?/g;

export function readExamples(file: string): Example[] {
  const text = readDoc(file);
  return [...text.matchAll(EXAMPLE)].map((match) => ({
    place: `${file}:${text.slice(0, match.index).split('\n').length}`,
    expected: match[1]!,
    script: match[2]!,
    answer: match[3] ?? null,
  }));
}

/** Text outside of fenced blocks. */
function readProse(file: string): string {
  return readDoc(file).replace(/^```[\s\S]*?^```/gm, '');
}

/** Anchors as the forges make them of headings. */
export function readAnchors(file: string): Set<string> {
  const headings = [...readProse(file).matchAll(/^#{1,6} (.+)$/gm)].map((match) => match[1]!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Targets of links that lead to files or anchors here. */
export function readLinks(file: string): string[] {
  return [...readProse(file).matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1]!)
    .filter((target) => !/^https?:/.test(target));
}
