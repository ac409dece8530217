/**
 * Apache Kafka as jars from Maven Central, fetched once and kept in the folder .cache of the root, with an archive of its
 * classes that halves the time of a start.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HERE = import.meta.dirname;
const CACHE = join(HERE, '..', '..', '..', '.cache', 'kafka-4.4.0');
const JARS = join(CACHE, 'jars');
const ARCHIVE = join(CACHE, 'classes.jsa');

const JVM = [
  '-Xms64m',
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:-UsePerfData',
  '-Djava.awt.headless=true',
  `-Dlog4j2.configurationFile=${join(HERE, 'log4j2.properties')}`,
];

let fetched: Promise<void> | null = null;

/** Several processes may ask at once: one fetches, the others wait. */
export function fetchKafka(): Promise<void> {
  fetched ??= (async () => {
    if (existsSync(JARS)) return;
    await mkdir(CACHE, { recursive: true });
    const copy = `mvn -q -B -f "${HERE}/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="${JARS}.part"`;
    // A folder appears whole or not at all.
    await once(
      'jars',
      `[ -d "${JARS}" ] || { rm -rf "${JARS}.part" && ${copy} && mv "${JARS}.part" "${JARS}"; }`,
    );
  })();
  return fetched;
}

/** @param archiveTo where the JVM leaves an archive of its classes when it ends in order, if there is none yet */
export function kafkaCommand(main: string, words: readonly string[], archiveTo?: string): string[] {
  const archive = existsSync(ARCHIVE)
    ? [`-XX:SharedArchiveFile=${ARCHIVE}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off']
    : archiveTo
      ? [`-XX:ArchiveClassesAtExit=${archiveTo}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off']
      : [];
  return ['java', ...JVM, ...archive, '-cp', join(JARS, '*'), main, ...words];
}

/** The archive that a broker left, if it did, serves all later starts. */
export async function keepArchive(left: string): Promise<void> {
  if (!existsSync(left) || existsSync(ARCHIVE)) return;
  // Copied beside first: the folder of the broker may lie on another disk.
  const part = `${ARCHIVE}.${process.pid}.part`;
  await copyFile(left, part);
  await rename(part, ARCHIVE);
}

async function once(name: string, script: string): Promise<void> {
  try {
    await run('flock', [join(CACHE, `${name}.lock`), 'sh', '-c', script], { timeout: 300_000 });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`Kafka's ${name} could not be had from Maven Central: ${stdout}${stderr}`, {
      cause: error,
    });
  }
}
