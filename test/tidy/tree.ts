/** The source tree as the tidy test sees it: files, imports, functions. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseAst } from 'vite';

export const ROOT = join(import.meta.dirname, '..', '..');

export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  /** Files of ours that it imports, from the root. `typeOnly` imports vanish when it runs. */
  readonly imports: readonly { readonly path: string; readonly typeOnly: boolean }[];
  /** `lines` are a function's own: those of functions inside it are counted there. */
  readonly functions: readonly { readonly name: string; readonly lines: number }[];
  /** True when it does nothing but hand on what others export. */
  readonly barrel: boolean;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export function readTree(patterns: readonly string[]): SourceFile[] {
  return patterns
    .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
    .filter((path) => !path.endsWith('.d.ts'))
    .sort()
    .map(readSource);
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  // AssemblyScript decorates functions, which TypeScript does not know.
  const plain = path.includes('/assembly/')
    ? text.replace(/@(inline|unmanaged|lazy|external\([^)]*\))/g, (word) => ' '.repeat(word.length))
    : text;
  const program = parseAst(plain, { lang: path.endsWith('x') ? 'tsx' : 'ts' }) as unknown as Node;
  const body = program['body'] as Node[];
  return {
    path,
    text,
    lines: text.split('\n').length - 1,
    imports: body.flatMap((node) => readImport(node, path)),
    functions: findFunctions(program, text),
    barrel: body.length > 0 && body.every((node) => handsOn(node)),
  };
}

function readImport(node: Node, from: string): { path: string; typeOnly: boolean }[] {
  const source = (node['source'] as { value?: string } | null)?.value;
  if (!source?.startsWith('.')) return [];
  const specifiers = (node['specifiers'] as Node[] | undefined) ?? [];
  const typeOnly =
    node['importKind'] === 'type' ||
    node['exportKind'] === 'type' ||
    (specifiers.length > 0 && specifiers.every((s) => s['importKind'] === 'type'));
  return [{ path: relative(ROOT, join(ROOT, dirname(from), source)), typeOnly }];
}

function handsOn(node: Node): boolean {
  return (
    node.type === 'ExportAllDeclaration' ||
    (node.type === 'ExportNamedDeclaration' && node['source'] !== null)
  );
}

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

function findFunctions(root: Node, text: string): { name: string; lines: number }[] {
  const found: { name: string; lines: number }[] = [];
  /** Returns the lines of the functions directly inside. */
  const visit = (value: unknown, parent: Node | null): number => {
    if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + visit(item, parent), 0);
    if (value === null || typeof value !== 'object' || !('type' in value)) return 0;
    const node = value as Node;
    let inside = 0;
    for (const child of Object.values(node)) if (typeof child === 'object') inside += visit(child, node);
    if (!FUNCTIONS.has(node.type)) return inside;
    const lines = text.slice(node.start, node.end).split('\n').length;
    found.push({ name: nameOf(node, parent), lines: lines - inside });
    // A function on the line of its caller takes none of its own.
    return lines - 1;
  };
  visit(root, null);
  return found;
}

function nameOf(node: Node, parent: Node | null): string {
  const own = node['id'] as { name?: string } | null | undefined;
  const given = (parent?.['id'] ?? parent?.['key']) as { name?: string } | null | undefined;
  return own?.name ?? given?.name ?? 'a function';
}
