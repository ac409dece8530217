import type { Block } from './block.ts';
import { createAgentReader } from './steps/agents.ts';
import { createMarkBots } from './steps/bots.ts';
import { createReadDevices } from './steps/devices.ts';
import { locate } from './steps/geo.ts';
import { createAssignSessions, type SessionMemory } from './steps/sessions.ts';
import { readSources } from './steps/sources.ts';

/**
 * What happens to events between the log and ClickHouse, in this order. Before these, per record and in the kernel's
 * one pass: parsing, clock-skew repair, watch-time normalisation, view ids; then the dedupe (batch.ts).
 * A step amends columns of a block; it is a pure function of the block and of state that is rebuilt from ClickHouse.
 */
export interface Step {
  readonly name: string;
  run(block: Block): void;
}

export function createSteps(sessions: SessionMemory): readonly Step[] {
  const readAgent = createAgentReader();
  return [
    { name: 'bots', run: createMarkBots(readAgent) },
    { name: 'devices', run: createReadDevices(readAgent) },
    { name: 'geo', run: locate },
    { name: 'sources', run: readSources },
    { name: 'sessions', run: createAssignSessions(sessions) },
  ];
}

/** Those of the steps that change what live views show. */
export function createLiveSteps(sessions: SessionMemory): readonly Step[] {
  return [
    { name: 'bots', run: createMarkBots(createAgentReader()) },
    { name: 'sessions', run: createAssignSessions(sessions) },
  ];
}

export interface StepObserver {
  /** `seconds` of wall time for `events` rows. */
  step(name: string, events: number, seconds: number): void;
}

export function runSteps(steps: readonly Step[], block: Block, observer: StepObserver): void {
  for (const step of steps) {
    const began = performance.now();
    step.run(block);
    observer.step(step.name, block.rows, (performance.now() - began) / 1000);
  }
}
