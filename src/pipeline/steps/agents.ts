import Bowser from 'bowser';
import { isbot } from 'isbot';

export interface AgentFacts {
  /** mobile, tablet, desktop, tv, or '' when unknown. */
  readonly device: string;
  readonly os: string;
  readonly browser: string;
  readonly bot: boolean;
}

const UNKNOWN: AgentFacts = { device: '', os: '', browser: '', bot: false };
const KEPT_MAX = 20_000;

export type AgentReader = (userAgent: string) => AgentFacts;

/** Reads user agents and remembers what they said: parsing one costs more than a thousand events. */
export function createAgentReader(): AgentReader {
  const kept = new Map<string, AgentFacts>();
  return (userAgent) => {
    if (userAgent === '') return UNKNOWN;
    let facts = kept.get(userAgent);
    if (!facts) {
      facts = parse(userAgent);
      // User agents are the client's to invent: start over rather than grow without end.
      if (kept.size >= KEPT_MAX) kept.clear();
      kept.set(userAgent, facts);
    }
    return facts;
  };
}

function parse(userAgent: string): AgentFacts {
  const parsed = Bowser.parse(userAgent);
  return {
    device: parsed.platform.type ?? '',
    os: parsed.os.name ?? '',
    browser: parsed.browser.name ?? '',
    bot: isbot(userAgent),
  };
}
