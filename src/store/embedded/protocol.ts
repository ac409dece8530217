/** What the launcher tells the engine's process, and what it answers. Plain data: it crosses a process border as JSON. */

export interface ChildOptions {
  /** Path of the engine's shared library. */
  readonly library: string;
  /** The engine's data. Holds nothing but what SQL may read. */
  readonly dataDir: string;
  /** Made for this one start, and removed after it: configuration, FIFO, port file. */
  readonly runDir: string;
  readonly logDir: string;
  readonly lockFile: string;
  readonly logLevel: string;
  readonly tcp: boolean;
  readonly landlock: boolean;
  /** Further folders that the engine may read, such as backups. */
  readonly readOnlyDirs: readonly string[];
  readonly lockWaitMs: number;
  readonly parentPid: number;
}

/** How much of the machine's files the engine, and so anyone who may send it SQL, can reach. */
export interface Confinement {
  readonly active: boolean;
  /** Which Landlock ABI, or why there is none. */
  readonly detail: string;
}

export type ChildFailure = 'locked' | 'engine';

export type ChildMessage =
  | { readonly type: 'waiting'; readonly holder: string }
  | {
      readonly type: 'ready';
      readonly httpPort: number;
      readonly tcpPort: number | null;
      readonly confinement: Confinement;
    }
  | { readonly type: 'failed'; readonly failure: ChildFailure; readonly detail: string };

export type ParentMessage = { readonly type: 'stop' };
