import { quoted } from './quoted.ts';
import type { SqlValues } from './values.ts';

/** Longer lists travel as parameters: a server takes 256 KiB of text. */
const LITERALS_MAX = 500;

/**
 * `(app_id, time)` pairs, to stand within `IN (…)`; times in epoch seconds. Literals, where there are few: planning a
 * SELECT costs more than reading some hundred of them.
 */
export function appTimesSql(apps: readonly string[], seconds: readonly number[], values: SqlValues): string {
  // Nothing lies at the beginning of 1970.
  if (apps.length === 0) return "('', 0)";
  if (apps.length <= LITERALS_MAX) return apps.map((app, i) => `(${quoted(app)}, ${seconds[i]})`).join(', ');
  const pairs = `arrayZip(${values.texts(apps)}, ${values.list('UInt32', seconds)})`;
  return `SELECT pair.1 AS app_id, toDateTime(pair.2, 'UTC') AS time FROM (SELECT arrayJoin(${pairs}) AS pair)`;
}
