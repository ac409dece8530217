/** What the console reads in a statement, and what it keeps of those that ran. */

export interface Parameter {
  name: string;
  type: string;
}

/** The `{name:Type}` of a statement, each once, in order; not those in strings and comments. */
export function parametersOf(statement: string): Parameter[] {
  const code = statement.replace(/'(?:\\.|''|[^'\\])*'|--[^\n]*|#![^\n]*|\/\*[\s\S]*?\*\//g, ' ');
  const found = new Map<string, Parameter>();
  for (const [, name, type] of code.matchAll(/\{\s*(\w{1,64})\s*:\s*([^{}]+?)\s*\}/g))
    if (!found.has(name!)) found.set(name!, { name: name!, type: type! });
  return [...found.values()];
}

const HISTORY_KEY = 'sluice.sql';
const HISTORY_MAX = 20;

/** Statements that ran, latest first. */
export function readHistory(storage: Storage | null): string[] {
  try {
    const kept: unknown = JSON.parse(storage?.getItem(HISTORY_KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter((item) => typeof item === 'string').slice(0, HISTORY_MAX) : [];
  } catch {
    return [];
  }
}

export function keepInHistory(storage: Storage | null, statement: string): string[] {
  const kept = [statement, ...readHistory(storage).filter((item) => item !== statement)].slice(
    0,
    HISTORY_MAX,
  );
  try {
    storage?.setItem(HISTORY_KEY, JSON.stringify(kept));
  } catch {
    // Full or forbidden: the history lasts as long as the page.
  }
  return kept;
}

/** Questions to begin with, one for each kind of answer. */
export const EXAMPLES: readonly { title: string; statement: string }[] = [
  {
    title: 'Events by hour',
    statement: `SELECT toStartOfHour(timestamp) AS hour, count() AS events, uniq(actor) AS users
FROM events
WHERE timestamp > now() - INTERVAL 1 DAY
GROUP BY hour
ORDER BY hour`,
  },
  {
    title: 'Most watched videos',
    statement: `SELECT video_id, count() AS views, round(sum(watch_ms) / 3600000, 1) AS hours
FROM current_views
GROUP BY video_id
ORDER BY hours DESC
LIMIT 20`,
  },
  {
    title: 'Errors by message',
    statement: `SELECT JSONExtractString(properties, 'message') AS message, count() AS errors, uniq(actor) AS users
FROM events
WHERE event_name = 'video_error'
GROUP BY message
ORDER BY errors DESC
LIMIT 20`,
  },
  {
    title: 'One event name, by day',
    statement: `SELECT toDate(timestamp) AS day, count() AS events
FROM events
WHERE event_name = {name:String}
GROUP BY day
ORDER BY day`,
  },
];
