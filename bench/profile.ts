/** Reads a V8 CPU profile: which stage of the service the main thread's time went to, and which functions took most. */

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

export const STAGES = [
  'HTTP',
  'ingest',
  'kernel: scan',
  'log',
  'kernel: columns',
  'batch and dedupe',
  'steps',
  'encode',
  'insert',
  'live and queries',
  'other of ours',
  'garbage collection',
  'native',
] as const;

export type Stage = (typeof STAGES)[number];

export interface StageTimes {
  /** Microseconds that were not idle. */
  readonly busy: number;
  readonly byStage: ReadonlyMap<Stage, number>;
  /** Most first. */
  readonly functions: readonly { readonly name: string; readonly stage: Stage; readonly micros: number }[];
}

interface Place {
  readonly node: ProfileNode;
  readonly parent: Place | null;
}

/** Not work, or the profile's own. */
function isIdle({ node }: Place): boolean {
  const { functionName, url } = node.callFrame;
  return functionName === '(idle)' || functionName === '(root)' || url.startsWith('node:inspector');
}

export function readProfile(profile: CpuProfile): StageTimes {
  const places = placeNodes(profile.nodes);
  const byStage = new Map<Stage, number>(STAGES.map((stage) => [stage, 0]));
  const functions = new Map<string, { name: string; stage: Stage; micros: number }>();
  let busy = 0;
  for (const [id, micros] of selfTimes(profile)) {
    const place = places.get(id)!;
    if (isIdle(place)) continue;
    busy += micros;
    const stage = stageOf(place);
    byStage.set(stage, byStage.get(stage)! + micros);
    const name = nameOf(place);
    const entry = functions.getOrInsert(`${stage} ${name}`, { name, stage, micros: 0 });
    entry.micros += micros;
  }
  return { busy, byStage, functions: [...functions.values()].sort((a, b) => b.micros - a.micros) };
}

function placeNodes(nodes: readonly ProfileNode[]): Map<number, Place> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const places = new Map<number, Place>();
  const todo: Place[] = nodes.slice(0, 1).map((node) => ({ node, parent: null }));
  for (let place = todo.pop(); place !== undefined; place = todo.pop()) {
    places.set(place.node.id, place);
    for (const child of place.node.children ?? []) todo.push({ node: byId.get(child)!, parent: place });
  }
  return places;
}

function selfTimes({ samples, timeDeltas }: CpuProfile): Map<number, number> {
  const times = new Map<number, number>();
  for (const [i, id] of samples.entries()) times.set(id, (times.get(id) ?? 0) + Math.max(0, timeDeltas[i]!));
  return times;
}

/** Path inside the repository; '' for what is not a file of ours. */
function ownFile({ node }: Place): string {
  const { url } = node.callFrame;
  const at = url.lastIndexOf('/src/');
  return at < 0 || url.includes('/node_modules/') ? '' : url.slice(at + 1);
}

function isWasm({ node }: Place): boolean {
  return node.callFrame.url.startsWith('wasm:');
}

function stageOf(place: Place): Stage {
  const { functionName } = place.node.callFrame;
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(program)') return 'native';
  for (let at: Place | null = place; at !== null; at = at.parent) {
    const file = ownFile(at);
    if (isWasm(at) || file.startsWith('src/event/kernel')) return kernelStage(at);
    if (file !== '') return fileStage(file);
  }
  // Node's own code that none of ours called: sockets and their callbacks.
  return 'HTTP';
}

/** The kernel works for both ends: who called it tells which. */
function kernelStage(place: Place): Stage {
  for (let at: Place | null = place; at !== null; at = at.parent) {
    const file = ownFile(at);
    if (file.startsWith('src/ingest/')) return 'kernel: scan';
    if (file.startsWith('src/pipeline/')) return 'kernel: columns';
  }
  return 'kernel: scan';
}

const stagesByFile: readonly (readonly [string, Stage])[] = [
  ['src/http/', 'HTTP'],
  ['src/ingest/', 'ingest'],
  ['src/access/', 'ingest'],
  ['src/log/', 'log'],
  ['src/pipeline/steps', 'steps'],
  ['src/pipeline/block.ts', 'steps'],
  ['src/pipeline/encode.ts', 'encode'],
  ['src/store/native.ts', 'encode'],
  ['src/store/', 'insert'],
  ['src/pipeline/', 'batch and dedupe'],
  ['src/live/', 'live and queries'],
  ['src/query/', 'live and queries'],
];

function fileStage(file: string): Stage {
  return stagesByFile.find(([prefix]) => file.startsWith(prefix))?.[1] ?? 'other of ours';
}

function nameOf(place: Place): string {
  const { functionName, url, lineNumber } = place.node.callFrame;
  const file = ownFile(place) || url.replace(/^.*node_modules\//, '').replace(/^wasm:.*/, 'wasm');
  return `${functionName || '(anonymous)'} ${file}${file && !isWasm(place) ? `:${lineNumber + 1}` : ''}`.trim();
}
