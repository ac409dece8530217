/** The catalogue's database does not answer. The message is for the operator; a later attempt may succeed. */
export class CatalogUnavailable extends Error {
  override readonly name = 'CatalogUnavailable';
}
