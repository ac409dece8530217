import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const ROOT = join(import.meta.dirname, '..');

export interface DashboardBuild {
  /** The folder that the service serves at `/`. */
  folder: string;
  /** Size of the first page's scripts and styles after gzip, in bytes. */
  scriptGzipBytes: number;
  styleGzipBytes: number;
  files: string[];
}

async function gzipSize(path: string): Promise<number> {
  return gzipSync(await readFile(path), { level: 9 }).length;
}

/** Builds the dashboard into `dist/dashboard` (or `folder`) and says how large it came out. Throws Vite's error. */
export async function buildDashboard(folder = join(ROOT, 'dist/dashboard')): Promise<DashboardBuild> {
  await build({
    configFile: join(ROOT, 'dashboard/vite.config.ts'),
    logLevel: 'warn',
    build: { outDir: folder, emptyOutDir: true },
  });
  const names = await readdir(folder, { recursive: true });
  const files: string[] = [];
  let scriptGzipBytes = 0;
  let styleGzipBytes = 0;
  for (const name of names) {
    const path = join(folder, name);
    if (!(await stat(path)).isFile()) continue;
    files.push(name);
    if (name.endsWith('.js')) scriptGzipBytes += await gzipSize(path);
    if (name.endsWith('.css')) styleGzipBytes += await gzipSize(path);
  }
  return { folder, scriptGzipBytes, styleGzipBytes, files: files.sort() };
}

if (import.meta.main) {
  const built = await buildDashboard();
  const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
  process.stdout.write(
    `dashboard: ${built.files.length} files, script ${kilobytes(built.scriptGzipBytes)} gzip, style ${kilobytes(built.styleGzipBytes)} gzip\n`,
  );
}
