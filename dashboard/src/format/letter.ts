import type { DeadLetter } from '../data/types.ts';

/** Dead letters in words. */

/** Reasons are a closed list of codes; in the page they are words. */
export function reasonWords(reason: string): string {
  const words = reason
    .replaceAll('_', ' ')
    .replace(/\bid\b/, 'ID')
    .replace(/\bjson\b/, 'JSON');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function sourceWords(source: DeadLetter['source']): string {
  if (source === null) return 'unknown source';
  if (source.path !== undefined) return source.path;
  const place = [source.partition, source.offset, source.index]
    .filter((part) => part !== undefined)
    .join('/');
  return `${source.topic ?? 'log'} ${place}`;
}

/** The service counts steps from 0, people from 1. */
export function stepsFromOne(text: string): string {
  return text.replace(/^fix\[(\d+)\]: /, (_, at: string) => `Step ${Number(at) + 1}: `);
}

export const letters = (count: number): string =>
  count === 1 ? '1 letter' : `${count.toLocaleString('en')} letters`;
