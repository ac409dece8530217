import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { readConfig } from '../../src/config.ts';
import { readTlsFiles, watchTlsFiles } from '../../src/http/tls-files.ts';
import { startService } from '../../src/service.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { until } from '../faults/verify.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { sayMissing, succeeds } from '../support/server-process.ts';
import { startTestService, type TestService } from '../support/service.ts';

const missing = succeeds(['openssl', 'version']) ? false : 'openssl is not installed.';
if (missing) sayMissing('certificates', missing);

/** `name`.crt and `name`.key, signed by itself. */
function makePair(folder: string, name: string): void {
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name} -addext subjectAltName=IP:127.0.0.1 -keyout ${name}.key -out ${name}.crt`;
  execFileSync('openssl', words.split(' '), { cwd: folder, stdio: 'ignore' });
}

describe('certificates by file', { skip: missing }, () => {
  const folder = makeTestFolder();
  const at = (name: string) => join(folder, name);
  before(() => {
    for (const name of ['one', 'two', 'three', 'four', 'five']) makePair(folder, name);
  });

  const port = (service: TestService) => Number(new URL(service.url).port);

  async function open(service: TestService): Promise<TLSSocket> {
    const socket = connect({ host: '127.0.0.1', port: port(service), rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Whom a new connection sees. */
  async function shown(service: TestService): Promise<string> {
    const socket = await open(service);
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  }

  /** Answered, checked against that certificate alone. */
  function health(service: TestService, name: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const ca = readFileSync(at(`${name}.crt`));
      request({ host: '127.0.0.1', port: port(service), path: '/health', ca, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode!);
      })
        .on('error', reject)
        .end();
    });
  }

  describe('of a running service', () => {
    let service: TestService;
    const certFile = at('links/now/tls.crt');
    const keyFile = at('links/now/tls.key');

    /** As Kubernetes mounts a secret: a folder of its own, and a link that is exchanged by a rename. */
    function publish(name: string): void {
      mkdirSync(at(`links/${name}`), { recursive: true });
      copyFileSync(at(`${name}.crt`), at(`links/${name}/tls.crt`));
      copyFileSync(at(`${name}.key`), at(`links/${name}/tls.key`));
      rmSync(at('links/next'), { force: true });
      symlinkSync(name, at('links/next'));
      renameSync(at('links/next'), at('links/now'));
    }

    before(async () => {
      publish('one');
      service = await startTestService({
        ANALYTICS_TLS_CERT_FILE: certFile,
        ANALYTICS_TLS_KEY_FILE: keyFile,
        ANALYTICS_ROLES: 'ingest,pipeline',
      });
    });
    after(() => service?.stop());

    it('another target of a link is seen, and open connections go on', async () => {
      assert.equal(await shown(service), 'one');
      assert.match(service.url, /^https:/);
      const before = await open(service);
      publish('two');
      await until('the new one is shown', async () => (await shown(service)) === 'two', 20_000);
      assert.equal(await health(service, 'two'), 200);
      await assert.rejects(health(service, 'one'));
      before.write('GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
      const [answer] = (await once(before, 'data')) as [Buffer];
      assert.match(answer.toString(), /^HTTP\/1\.1 200/);
      assert.equal(before.getPeerCertificate().subject.CN, 'one');
      before.destroy();
    });

    it('files that are renamed into place are seen, one after the other', async () => {
      copyFileSync(at('three.crt'), at('links/now/new.crt'));
      renameSync(at('links/now/new.crt'), certFile);
      // For a moment certificate and key do not belong together: nobody sees that.
      assert.equal(await shown(service), 'two');
      copyFileSync(at('three.key'), at('links/now/new.key'));
      renameSync(at('links/now/new.key'), keyFile);
      await until('the third is shown', async () => (await shown(service)) === 'three', 20_000);
    });

    it('files that are written in place are seen', async () => {
      writeFileSync(keyFile, readFileSync(at('four.key')));
      writeFileSync(certFile, readFileSync(at('four.crt')));
      await until('the fourth is shown', async () => (await shown(service)) === 'four', 20_000);
    });
  });

  it('a broken pair is told once and leaves the one before, until it is mended', async (t) => {
    const files = { certFile: at('own.crt'), keyFile: at('own.key') };
    const put = (crt: string, key: string) => {
      writeFileSync(files.certFile, crt);
      writeFileSync(files.keyFile, key);
    };
    const pem = (name: string, kind: 'crt' | 'key') => readFileSync(at(`${name}.${kind}`), 'utf8');
    put(pem('one', 'crt'), pem('one', 'key'));
    const used: string[] = [];
    const told: string[] = [];
    const logger = {
      info: (_facts: object, message: string) => told.push(`info ${message}`),
      warn: (_facts: object, message: string) => told.push(`warn ${message}`),
    };
    const first = await readTlsFiles(files);
    const watch = watchTlsFiles(files, first, ({ cert }) => used.push(cert.toString()), logger as never, 5);
    t.after(() => watch.stop());
    const broken: [string, string][] = [
      [pem('two', 'crt'), pem('one', 'key')],
      ['', ''],
      [pem('two', 'crt').slice(0, 200), pem('two', 'key')],
      [pem('two', 'key'), pem('two', 'crt')],
    ];
    for (const [crt, key] of broken) {
      const count = told.length;
      put(crt, key);
      await until('it is told', async () => told.length > count);
      assert.match(told.at(-1)!, /^warn .*the one before stays/);
    }
    rmSync(files.keyFile);
    const count = told.length;
    await until('a file that is gone is told', async () => told.length > count);
    assert.deepEqual(used, []);
    put(pem('two', 'crt'), pem('two', 'key'));
    await until('the mended one is used', async () => used.length > 0);
    assert.deepEqual(used, [pem('two', 'crt')]);
    assert.match(told.at(-1)!, /^info /);
    const said = told.length;
    // Written again with the same contents: nothing to tell.
    put(pem('two', 'crt'), pem('two', 'key'));
    put(pem('five', 'crt'), pem('five', 'key'));
    await until('the next one is used', async () => used.at(-1) === pem('five', 'crt'));
    assert.ok(told.slice(said).filter((line) => line.startsWith('info')).length === 1);
  });

  it('at the start a pair that does not fit is said to the operator', async () => {
    const config = readConfig({
      PORT: '0',
      ANALYTICS_METRICS_PORT: '0',
      ANALYTICS_DATA_DIR: makeTestFolder(),
      ANALYTICS_TLS_CERT_FILE: at('one.crt'),
      ANALYTICS_TLS_KEY_FILE: at('two.key'),
    });
    await assert.rejects(startService(config, createLogger({ level: 'silent' })), {
      name: 'StartError',
      message: /one\.crt and .*two\.key are no certificate and its key/,
    });
  });
});
