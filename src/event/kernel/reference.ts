/**
 * The plain kernel: the rules of reading, written for clarity. It is the oracle that the WebAssembly kernel is tested
 * against, the road that kernel takes for whatever is rare, and the fallback where WebAssembly is not to be had.
 *
 * The forms of a body (body.ts). A byte order mark and white space may come first.
 * - It begins with `[`: an array, each item one event.
 * - It begins with `{`: the envelope `{"events": […], "sent_at"?}` when that is the only value, `events` is an array
 *   and the object has no name of an event; else objects one after the other: a single event, pretty-printed or not,
 *   NDJSON, or objects without line feeds between them.
 * - Broken syntax in an array, an envelope or the only object refuses the whole body. In NDJSON it is one verdict
 *   (`invalid_json`) over the rest of the line on which the broken value began, and reading goes on with the next
 *   line. A broken first value is a bad line in mode `ndjson`; in mode `auto` only when the second line is a whole
 *   object by itself and the first does not begin an envelope.
 * - More than `maxEvents` (bad ones count) refuses the body, as do more than 500 levels in an event, and invalid UTF-8.
 *
 * One event (reading.ts). Names and rules of fields: the table in event.ts.
 * - Keys mean what they say after decoding. null is as good as absent everywhere, '' is for event_id and the ids.
 * - A known key twice (null and '' apart) is a `duplicate_key`. Of two names of one field the canonical, then the
 *   earlier alias wins; the loser is treated like a top-level field that nobody knows.
 * - Such strangers move into `properties`, textually, where what is already there wins; of two of the same key the
 *   last counts. A losing time of sending is dropped.
 * - Identifiers are strings, or numbers by their text. A lone surrogate becomes U+FFFD.
 * - The verdict is the first problem in this order: not an object, a duplicate key (by place), then the fields in the
 *   order of the table (type before length; timestamp: no moment, too old, too far ahead; properties and context: no
 *   object, bytes, levels, keys). An unreadable time of sending, and odd values inside properties, are no problem.
 * - timestamp + (receivedAt - time of sending), where one is known: the event's own, else the body's, else the
 *   request's. Age is judged by that: when scanning, and when building a block only of records that nobody scanned.
 * - Properties and context are kept as they were written, line breaks turned into spaces, `ip` cut out of context.
 *   The last of two equal keys counts when a value is taken out of them.
 * - Measures are JSON numbers, finite and not negative; else unknown. Booleans are true for JSON true only.
 *
 * Ids: an event without one gets one of `nextIds` at the scan, written into its line; one that still has none in the
 * log gets a UUIDv5 of its place there.
 */
import type { Kernel } from '../kernel.ts';
import { ReferenceBlockBuilder } from './reference-builder.ts';
import { ReferenceScanner } from './reference-scanner.ts';

export function openReferenceKernel(): Kernel {
  return {
    kind: 'reference',
    scanner: new ReferenceScanner(),
    createBlockBuilder: (options) => new ReferenceBlockBuilder(options),
  };
}
