import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What the tests with Kafka need of the machine; null when it is all there, else what is not, as a sentence. */
export function missingForKafka(): string | null {
  const needs = [
    ['java', 'Java 17 or newer'],
    ['mvn', 'Maven, which brings the jars of Kafka'],
    ['setpriv', 'util-linux, so that no broker outlives its test'],
    ['flock', 'util-linux, so that the jars are fetched once'],
    ['openssl', 'OpenSSL, for certificates'],
  ] as const;
  const missing = needs.filter(([program]) => !isInPath(program));
  if (missing.length === 0) return null;
  return `No ${missing.map(([program, what]) => `${program} in PATH (${what})`).join(', no ')}.`;
}

function isInPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
