/**
 * The tree of a statement as ClickHouse's own parser sees it (`EXPLAIN AST`), a row a node, read strictly: a name may hold
 * anything, so whatever does not add up is refused rather than guessed at.
 */

export interface Node {
  /** Such as `SelectQuery`, `Function`, `TableIdentifier`. */
  readonly kind: string;
  /** What follows the kind, without alias: a name, a literal. */
  readonly name: string;
  readonly children: readonly Node[];
}

interface Growing extends Node {
  readonly children: Growing[];
  readonly wanted: number;
}

const ROW =
  /^(?<indent> *)(?<kind>[A-Za-z:]+)(?: (?!\((?:alias|children) )(?<name>.*?))?(?: \(alias .*?\))?(?: \(children (?<children>\d+)\))?$/s;

/** Null when the rows are no tree. */
export function readTree(rows: readonly string[]): Node | null {
  const path: Growing[] = [];
  let root: Growing | null = null;
  for (const row of rows) {
    const found = ROW.exec(row)?.groups;
    if (found === undefined) return null;
    const depth = found.indent!.length;
    const node: Growing = {
      kind: found.kind!,
      name: found.name ?? '',
      children: [],
      wanted: Number(found.children ?? 0),
    };
    if (depth > path.length || (depth === 0) !== (root === null)) return null;
    path.length = depth;
    const parent = path.at(-1);
    if (parent === undefined) root = node;
    else parent.children.push(node);
    path.push(node);
  }
  return root !== null && isWhole(root) ? root : null;
}

function isWhole(node: Growing): boolean {
  return node.children.length === node.wanted && node.children.every(isWhole);
}
