/** The engine's folders. What SQL may read (`data`) lies apart from what it may not (`log`). */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface EngineFolders {
  readonly dataDir: string;
  readonly logDir: string;
  /** The child's compiled code, so that its next start need not strip types. */
  readonly cacheDir: string;
  /** This start's own. */
  readonly runDir: string;
  readonly lockFile: string;
}

/** Makes what is missing, and removes what dead starts left. */
export function makeFolders(dir: string): EngineFolders {
  const base = resolve(dir);
  const runs = join(base, 'run');
  const folders = { dataDir: join(base, 'data'), logDir: join(base, 'log'), cacheDir: join(base, 'cache') };
  for (const folder of [...Object.values(folders), runs]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  removeStaleRuns(runs);
  // One for each start, so that a process that waits for the folder does not overwrite what its holder still needs.
  const runDir = mkdtempSync(join(runs, `${process.pid}-`));
  return { ...folders, runDir, lockFile: join(base, 'lock') };
}

/** What starts left behind that were killed half-way: their configuration holds secrets, though of no use any more. */
function removeStaleRuns(runs: string): void {
  for (const name of readdirSync(runs)) {
    if (!isAlive(Number.parseInt(name, 10))) rmSync(join(runs, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
