const WELL = new Set(['ok', 'up', 'ready', 'healthy', 'running', 'serving', 'off', 'disabled']);

/** Whether a part of the service that calls its state so is as it should be. */
export function isWell(state: string): boolean {
  return WELL.has(state.toLowerCase());
}
