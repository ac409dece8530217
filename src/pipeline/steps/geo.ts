import { type Block, Dictionary, fillEmpty } from '../block.ts';

/**
 * Country: as the event says, else as ingest found it for the request (an edge's header, or the geo database; the
 * address itself never reaches the log).
 */
export function locate(block: Block): void {
  const countries = new Dictionary();
  const countryOf = new Uint32Array(block.rows);
  for (const { meta, firstRow, rows } of block.batch.spans)
    if (meta.country !== '') countryOf.fill(countries.idOf(meta.country), firstRow, firstRow + rows);
  block.text.country = fillEmpty(block.text.country, countries.values, (row) => countryOf[row]!);
}
