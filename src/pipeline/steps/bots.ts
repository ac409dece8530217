import type { Block } from '../block.ts';
import type { AgentReader } from './agents.ts';

/**
 * Marks bots; they stay in the raw table and out of the numbers. The agent that an event names is the visitor's. The
 * agent of the request is the visitor's only if it is a browser's: a server's SDK or curl carries other people's events.
 */
export function createMarkBots(readAgent: AgentReader): (block: Block) => void {
  return (block) => {
    const bots = Uint8Array.from(block.agents, ({ userAgent, named }) =>
      (named || userAgent.startsWith('Mozilla/')) && readAgent(userAgent).bot ? 1 : 0,
    );
    if (!bots.includes(1)) return;
    for (let row = 0; row < block.rows; row++) block.isBot[row] = bots[block.agentOf[row]!]!;
  };
}
