/** What the person at the terminal sees: one line that moves on a terminal, a line now and then elsewhere. */
import type { Clock } from './clock.ts';
import type { Progress } from './run.ts';
import type { SenderStats } from './sender.ts';

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export interface Reporter {
  /** Begins a stretch of the run; the function it gives takes its progress as often as one likes. */
  begin(title: string): (progress: Progress) => void;
  /** The last line, and what went otherwise than it should. */
  end(): void;
}

const barWidth = 24;
const terminalEveryMs = 200;
const plainEveryMs = 10_000;

const grouped = (n: number) => Math.round(n).toLocaleString('en-US');

function bar(done: number): string {
  const filled = Math.round(done * barWidth);
  return `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}] ${String(Math.floor(done * 100)).padStart(3)} %`;
}

export function createReporter(stdout: Output, clock: Clock, stats: SenderStats): Reporter {
  const terminal = stdout.isTTY === true;
  let moving = false;

  function troubles(): string {
    const { pushedBack, networkErrors } = stats;
    const parts = [
      pushedBack > 0 ? `${grouped(pushedBack)} asked to wait` : '',
      networkErrors > 0 ? `${grouped(networkErrors)} without answer` : '',
    ];
    return parts
      .filter(Boolean)
      .map((part) => `, ${part}`)
      .join('');
  }

  return {
    begin(title) {
      if (moving) stdout.write('\n');
      moving = false;
      const beganAt = clock.now();
      const takenBefore = stats.taken;
      let shownAt = beganAt;
      stdout.write(`${title}\n`);
      return ({ done }) => {
        const now = clock.now();
        const finished = done !== null && done >= 1;
        if (!finished && now - shownAt < (terminal ? terminalEveryMs : plainEveryMs)) return;
        shownAt = now;
        const taken = stats.taken - takenBefore;
        const rate = taken / Math.max(0.001, (now - beganAt) / 1000);
        const share = done === null ? '' : `${bar(done)}  `;
        const line = `${share}${grouped(taken)} events taken, ${grouped(rate)}/s${troubles()}`;
        stdout.write(terminal ? `\r\x1b[2K${line}` : `${line}\n`);
        moving = terminal;
      };
    },
    end() {
      if (moving) stdout.write('\n');
      moving = false;
      const { taken, refusedBad, requests, uncertain } = stats;
      stdout.write(
        `${grouped(taken)} events taken in ${grouped(requests)} requests, ${grouped(refusedBad)} bad ones refused${troubles()}\n`,
      );
      if (uncertain > 0) stdout.write(`${grouped(uncertain)} events got no answer\n`);
      for (const [what, times] of stats.surprises)
        stdout.write(`unexpected: ${what} (${grouped(times)} times)\n`);
    },
  };
}
