import { type Block, fillEmpty } from '../block.ts';
import type { AgentReader } from './agents.ts';

/** Device, operating system and browser: as the event says, else as its user agent says. */
export function createReadDevices(readAgent: AgentReader): (block: Block) => void {
  return (block) => {
    const facts = block.agents.map(({ userAgent, named }) =>
      // curl's or a server's agent says nothing of the viewer's device.
      readAgent(named || userAgent.startsWith('Mozilla/') ? userAgent : ''),
    );
    for (const name of ['device', 'os', 'browser'] as const) {
      const fill = facts.map((f) => f[name]);
      block.text[name] = fillEmpty(block.text[name], fill, (row) => block.agentOf[row]!);
    }
  };
}
