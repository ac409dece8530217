/** A certificate authority of one's own, a broker's and a client's certificate from it, and an authority nobody trusts. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificates {
  readonly caFile: string;
  readonly strangerCaFile: string;
  /** Key and certificate in one file, as Kafka reads them. */
  readonly brokerPemFile: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
}

export async function makeCertificates(folder: string): Promise<Certificates> {
  const at = (name: string): string => join(folder, name);
  await Promise.all([makeAuthority(folder, 'ca'), makeAuthority(folder, 'stranger')]);
  await Promise.all([makeCertificate(folder, 'broker'), makeCertificate(folder, 'client')]);
  await writeFile(
    at('broker.pem'),
    (await readFile(at('broker.key'), 'utf8')) + (await readFile(at('broker.crt'), 'utf8')),
  );
  return {
    caFile: at('ca.crt'),
    strangerCaFile: at('stranger.crt'),
    brokerPemFile: at('broker.pem'),
    clientCertFile: at('client.crt'),
    clientKeyFile: at('client.key'),
  };
}

async function makeAuthority(folder: string, name: string): Promise<void> {
  const words = `req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=${name} -keyout ${name}.key -out ${name}.crt`;
  await run('openssl', words.split(' '), { cwd: folder });
}

async function makeCertificate(folder: string, name: string): Promise<void> {
  const request = `req -newkey rsa:2048 -nodes -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`;
  await run('openssl', request.split(' '), { cwd: folder });
  await writeFile(join(folder, `${name}.ext`), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const sign = `x509 -req -days 30 -in ${name}.csr -CA ca.crt -CAkey ca.key -set_serial ${name === 'broker' ? 2 : 3} -extfile ${name}.ext -out ${name}.crt`;
  await run('openssl', sign.split(' '), { cwd: folder });
}
