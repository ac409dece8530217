import { HttpProblem } from '../../http/problem.ts';
import { QUERYABLE } from '../../store/readable.ts';
import type { AllowedFunctions } from './functions.ts';
import type { Node } from './tree.ts';

/**
 * What SQL of one's own may say, decided on the tree that the engine's own parser makes of it, by lists of what is allowed.
 * A user who may only read is not enough: settings within a subquery lift filters and limits, and functions and table
 * functions read files, settings and the names of others.
 *
 * Not among the kinds: ColumnsApplyTransformer, of which the tree does not tell the function.
 */

const KINDS: ReadonlySet<string> = new Set([
  'SelectWithUnionQuery',
  'SelectIntersectExceptQuery',
  'SelectQuery',
  'ExpressionList',
  'Function',
  'Identifier',
  'Literal',
  'Subquery',
  'WithElement',
  'TablesInSelectQuery',
  'TablesInSelectQueryElement',
  'TableExpression',
  'TableIdentifier',
  'TableJoin',
  'ArrayJoin',
  'SampleRatio',
  'OrderByElement',
  'InterpolateElement',
  'WindowDefinition',
  'WindowListElement',
  'Asterisk',
  'QualifiedAsterisk',
  'ColumnsRegexpMatcher',
  'ColumnsListMatcher',
  'QualifiedColumnsRegexpMatcher',
  'ColumnsTransformerList',
  'ColumnsExceptTransformer',
  'ColumnsReplaceTransformer',
  'ColumnsReplaceTransformer::Replacement',
]);
const SPOKEN: Readonly<Record<string, string>> = { Set: 'SETTINGS', ColumnsApplyTransformer: 'APPLY' };
const TABLE_FUNCTIONS: ReadonlySet<string> = new Set([
  'numbers',
  'generateseries',
  'generate_series',
  'values',
  'zeros',
]);
const MEMBERSHIP = /^(global)?(not)?(null)?in(ignoreset)?$/i;
const TABLES: ReadonlySet<string> = new Set(QUERYABLE);
const PLAIN = /^[A-Za-z_]\w*$/;

export interface Schema {
  readonly functions: AllowedFunctions;
  /** Whether the database has a table of that name, allowed or not. */
  exists(table: string): boolean;
}

/** Throws HttpProblem `not_a_select`, `table_forbidden`, `function_forbidden` or `sql_error`. */
export function checkStatement(root: Node, schema: Schema): void {
  if (root.kind !== 'SelectWithUnionQuery')
    throw new HttpProblem('not_a_select', 'Only one SELECT, or EXPLAIN of one, can be asked.');
  // A format, a file to write to, and settings hang beside the list of queries.
  if (root.children.length !== 1)
    throw new HttpProblem(
      'not_a_select',
      'FORMAT, SETTINGS and INTO OUTFILE cannot be said; `format` is a field of the request.',
    );
  checkNode(root, null, schema);
}

function checkNode(node: Node, parent: Node | null, schema: Schema): void {
  if (!KINDS.has(node.kind)) {
    throw new HttpProblem('not_a_select', `${SPOKEN[node.kind] ?? node.kind} cannot be said here.`);
  }
  if (node.kind === 'SelectWithUnionQuery' && node.children.length !== 1)
    throw new HttpProblem('not_a_select', 'FORMAT and SETTINGS cannot be said in a subquery.');
  if (node.kind === 'TableIdentifier') checkTable(node.name, schema);
  if (node.kind === 'Function') checkFunction(node, parent, schema);
  for (const child of node.children) checkNode(child, node, schema);
}

/** A name that is no table is one that the query itself makes by WITH; if it does not, the server says so. */
function checkTable(name: string, schema: Schema): void {
  if (TABLES.has(name)) return;
  if (PLAIN.test(name) && !schema.exists(name)) return;
  throw new HttpProblem(
    'table_forbidden',
    `There is no table ${JSON.stringify(name)} to ask. There are: ${QUERYABLE.join(', ')}, without a database before them.`,
  );
}

function checkFunction(node: Node, parent: Node | null, schema: Schema): void {
  const { name } = node;
  const isKnown =
    parent?.kind === 'TableExpression' ? TABLE_FUNCTIONS.has(name.toLowerCase()) : schema.functions.has(name);
  if (!PLAIN.test(name) || !isKnown)
    throw new HttpProblem(
      'function_forbidden',
      `The function ${JSON.stringify(name)} cannot be called here.`,
    );
  if (!MEMBERSHIP.test(name)) return;
  // `x IN t` reads the table t and shows no table in the tree.
  const [, set] = node.children[0]?.children ?? [];
  if (set?.kind === 'Identifier')
    throw new HttpProblem(
      'table_forbidden',
      `After ${name} stands a list or a subquery: (SELECT … FROM ${set.name}).`,
    );
}
