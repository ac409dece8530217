/** A process that watches and delivers, on the catalogue in the folder given; its one rule reads a number from a file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startAlerts } from '../../src/alerts/alerts.ts';
import { openCatalog } from '../../src/catalog/catalog.ts';

const [dir = '', leaseMs = '400'] = process.argv.slice(2);
const catalog = await openCatalog({ dir });
const failed = (stage: string, error: unknown) => console.error(stage, error);
startAlerts({
  everyMs: 20,
  deliverEveryMs: 20,
  watcher: {
    catalog,
    builtIns: [],
    builtInUrls: [],
    holder: String(process.pid),
    leaseMs: Number(leaseMs),
    gapMaxMs: 60_000,
    readBuiltIn: async () => null,
    readRule: async () => Number(readFileSync(join(dir, 'value'), 'utf8')),
    describeFailure: String,
    observer: { evaluated() {}, failed },
    now: Date.now,
  },
  courier: {
    notices: catalog.alertNotices,
    secrets: [Buffer.from('a secret for tests')],
    timeoutMs: 2_000,
    inFlightMax: 4,
    giveUpAfterMs: 3_600_000,
    allowPrivate: true,
    userAgent: 'sluice/test',
    observer: { attempted() {}, failed },
    random: Math.random,
    now: Date.now,
    backOffMs: 10,
  },
});
console.log('watching');
