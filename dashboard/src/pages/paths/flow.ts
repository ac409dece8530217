import type { PathLink, PathNode, Paths } from '../../data/types-retention.ts';

export interface FlowNode extends PathNode {
  /** How many of its sessions a shown link takes on, towards the end of the columns. */
  onward: number;
}

export interface FlowColumn {
  step: number;
  sessions: number;
  nodes: FlowNode[];
}

/**
 * The steps as columns in the order of time: with an end, the first step is the last column.
 * Nodes are sorted by sessions, equal ones by name.
 */
export function columnsOf(answer: Paths): FlowColumn[] {
  const isBack = answer.end !== null;
  const steps = [...new Set(answer.nodes.map(({ step }) => step))].sort((a, b) => a - b);
  const columns = steps.map((step) => {
    const nodes = answer.nodes
      .filter((node) => node.step === step)
      .map((node) => ({ ...node, onward: sum(linksOn(answer, node)) }))
      .sort((a, b) => b.sessions - a.sessions || (a.name < b.name ? -1 : 1));
    return { step, sessions: sum(nodes), nodes };
  });
  return isBack ? columns.reverse() : columns;
}

const sum = (items: readonly { sessions: number }[]): number =>
  items.reduce((total, { sessions }) => total + sessions, 0);

/** Links from a node to the step behind it in counting: onward with a start, back in time with an end. */
function linksOn(answer: Paths, { step, name }: PathNode): PathLink[] {
  const here = answer.end === null ? 'from' : 'to';
  return answer.links.filter((link) => link.step === step && link[here] === name);
}

/** By step and name, how many sessions of a node come from or go to each node beside it. */
export function neighboursOf(answer: Paths, { step, name }: PathNode): Map<string, number> {
  const isBack = answer.end !== null;
  const [here, there] = isBack ? (['to', 'from'] as const) : (['from', 'to'] as const);
  const found = new Map<string, number>();
  for (const link of answer.links) {
    if (link.step === step && link[here] === name) found.set(placeOf(step + 1, link[there]), link.sessions);
    if (link.step === step - 1 && link[there] === name)
      found.set(placeOf(step - 1, link[here]), link.sessions);
  }
  return found;
}

export function placeOf(step: number, name: string): string {
  return `${step} ${name}`;
}
