import type { BlockBuilder, TextColumnName } from '../event/kernel.ts';
import type { TextColumn } from '../store/native.ts';
import type { Batch } from './batch.ts';

/**
 * A batch as columns, for the steps to amend. What repeats is looked at once: a step maps the distinct texts of a
 * column and then moves integers.
 */

/** Text columns of the raw table. */
export const BLOCK_TEXTS = [
  'app_id',
  'event_name',
  'page',
  'referrer',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'utm_term',
  'utm_content',
  'device',
  'os',
  'browser',
  'country',
] as const;

export type BlockText = (typeof BLOCK_TEXTS)[number];

export interface Block {
  readonly batch: Batch;
  readonly builder: BlockBuilder;
  readonly rows: number;
  readonly text: Record<BlockText, TextColumn>;
  readonly isBot: Uint8Array;
  /** Per row: which of `agents` sent it. */
  readonly agentOf: Uint32Array;
  readonly agents: readonly Agent[];
}

/** A user agent, and whether the event itself named it or it merely carried the request. */
export interface Agent {
  readonly userAgent: string;
  readonly named: boolean;
}

export function createBlock(batch: Batch): Block {
  const { builder } = batch;
  const rows = builder.rows;
  const said = (name: TextColumnName) => compact(builder, builder.textColumns[name], rows);
  const { agents, agentOf } = collectAgents(batch, rows);
  return {
    batch,
    builder,
    rows,
    agents,
    agentOf,
    isBot: new Uint8Array(rows),
    text: {
      app_id: said('app_id'),
      event_name: said('event_name'),
      page: said('page_path'),
      referrer: said('referrer'),
      utm_source: said('utm_source'),
      utm_medium: said('utm_medium'),
      utm_campaign: said('utm_campaign'),
      utm_term: said('utm_term'),
      utm_content: said('utm_content'),
      device: said('device'),
      os: said('os'),
      browser: said('browser'),
      country: said('country'),
    },
  };
}

/** Collects distinct texts and gives them ids from 1 on; 0 is ''. */
export class Dictionary {
  readonly values: string[] = [''];
  readonly #ids = new Map<string, number>([['', 0]]);

  idOf(value: string): number {
    let id = this.#ids.get(value);
    if (id === undefined) {
      id = this.values.length;
      this.values.push(value);
      this.#ids.set(value, id);
    }
    return id;
  }
}

/** A column that keeps what the client said and takes `otherwise(row)`, an id of `fill`, where it said nothing. */
export function fillEmpty(
  column: TextColumn,
  fill: readonly string[],
  otherwise: (row: number) => number,
): TextColumn {
  const dictionary = new Dictionary();
  const own = Uint32Array.from(column.values, (value) => dictionary.idOf(value));
  const other = Uint32Array.from(fill, (value) => dictionary.idOf(value));
  const ids = new Uint32Array(column.ids.length);
  for (let row = 0; row < ids.length; row++) ids[row] = own[column.ids[row]!] || other[otherwise(row)]!;
  return { values: dictionary.values, ids };
}

/** The same column with each distinct text replaced. */
export function mapTexts(column: TextColumn, map: (value: string) => string): TextColumn {
  const dictionary = new Dictionary();
  const own = Uint32Array.from(column.values, (value) => (value === '' ? 0 : dictionary.idOf(map(value))));
  return { values: dictionary.values, ids: column.ids.map((id) => own[id]!) };
}

/** The kernel's texts are shared by all columns of the block; a column of the table wants just its own. */
function compact(builder: BlockBuilder, ids: Uint32Array, rows: number): TextColumn {
  const dense = new Uint32Array(builder.text.size);
  const values = [''];
  const out = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) {
    const id = ids[row]!;
    if (id === 0) continue;
    if (dense[id] === 0) dense[id] = values.push(builder.text.get(id)) - 1;
    out[row] = dense[id]!;
  }
  return { values, ids: out };
}

function collectAgents(batch: Batch, rows: number): { agents: Agent[]; agentOf: Uint32Array } {
  const agents: Agent[] = [];
  const agentOf = new Uint32Array(rows);
  const carriers = new Map<string, number>();
  const named = new Map<number, number>();
  const said = batch.builder.textColumns.user_agent;
  const nameAgent = (id: number) => agents.push({ userAgent: batch.builder.text.get(id), named: true }) - 1;
  for (const span of batch.spans) {
    const { userAgent } = span.meta;
    const carrier = carriers.getOrInsertComputed(
      userAgent,
      () => agents.push({ userAgent, named: false }) - 1,
    );
    for (let row = span.firstRow; row < span.firstRow + span.rows; row++) {
      const id = said[row]!;
      agentOf[row] = id === 0 ? carrier : named.getOrInsertComputed(id, nameAgent);
    }
  }
  return { agents, agentOf };
}
