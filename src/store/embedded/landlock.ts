/**
 * Confines this process to the files the engine needs, by Landlock (Linux 5.13 and later).
 *
 * Why: in `clickhouse local` the scalar SQL function `file('/any/path')` has no path check and needs no grant, so a
 * read-only SQL user could read the service's environment. It must run before the engine's threads exist, since a
 * thread takes its confinement from the one that made it.
 */
import { closeSync, openSync, statSync } from 'node:fs';
import type { Libc } from './ffi.ts';
import type { Confinement } from './protocol.ts';

const CREATE_RULESET = 444;
const ADD_RULE = 445;
const RESTRICT_SELF = 446;
const ASK_VERSION = 1;
const RULE_PATH_BENEATH = 1;
const O_PATH_CLOEXEC = 0o12000000;

const EXECUTE = 1 << 0;
const WRITE_FILE = 1 << 1;
const READ_FILE = 1 << 2;
const READ_DIR = 1 << 3;
const REMOVE_DIR = 1 << 4;
const REMOVE_FILE = 1 << 5;
const MAKE_CHAR = 1 << 6;
const MAKE_DIR = 1 << 7;
const MAKE_REG = 1 << 8;
const MAKE_SOCK = 1 << 9;
const MAKE_FIFO = 1 << 10;
const MAKE_BLOCK = 1 << 11;
const MAKE_SYM = 1 << 12;
/** Moving and linking between folders, known since ABI 2. */
const REFER = 1 << 13;
/** Known since ABI 3. */
const TRUNCATE = 1 << 14;

const READ = READ_FILE | READ_DIR;
const APPEND = WRITE_FILE | REMOVE_FILE | MAKE_REG | TRUNCATE | READ_DIR;
const OWN =
  READ |
  WRITE_FILE |
  REMOVE_DIR |
  REMOVE_FILE |
  MAKE_DIR |
  MAKE_REG |
  MAKE_FIFO |
  MAKE_SYM |
  REFER |
  TRUNCATE;
const EVERY = OWN | EXECUTE | MAKE_CHAR | MAKE_SOCK | MAKE_BLOCK;
/** The rights that mean something on a file; the kernel refuses the others in a rule for one. */
const OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE;

const READABLE_SYSTEM_FILES = [
  '/proc/self',
  '/proc/meminfo',
  '/proc/stat',
  '/proc/cpuinfo',
  '/sys/fs/cgroup',
  '/sys/devices/system',
  '/etc/hosts',
  '/etc/resolv.conf',
  '/etc/nsswitch.conf',
  '/etc/localtime',
  '/usr/share/zoneinfo',
  '/dev/urandom',
];
const SYSTEM_LIBRARIES = ['/lib', '/lib64', '/usr/lib'];

export interface AllowedFolders {
  /** The engine may do there as it likes. */
  readonly own: readonly string[];
  /** It may write there, but SQL may not read it back. */
  readonly append: readonly string[];
  readonly read: readonly string[];
  /** Folders of shared libraries. */
  readonly execute: readonly string[];
}

/** Never throws for want of support: where the kernel refuses, the answer says why and nothing is confined. */
export function confineProcess(libc: Libc, folders: AllowedFolders): Confinement {
  const none = (detail: string): Confinement => ({ active: false, detail });
  if (process.platform !== 'linux') return none(`Landlock does not exist on ${process.platform}`);
  const abi = libc.syscall(CREATE_RULESET, 0, 0, ASK_VERSION);
  if (abi < 1) return none('this kernel, or the container around it, has no Landlock');

  const known = EVERY & ~(abi < 2 ? REFER : 0) & ~(abi < 3 ? TRUNCATE : 0);
  const attributes = Buffer.alloc(8);
  attributes.writeBigUInt64LE(BigInt(known));
  const ruleset = libc.syscall(CREATE_RULESET, attributes, attributes.length, 0);
  if (ruleset < 0) return none('the kernel made no Landlock ruleset');
  try {
    const allow = (path: string, rights: number): void => addRule(libc, ruleset, path, rights & known);
    for (const path of folders.own) allow(path, OWN);
    for (const path of folders.append) allow(path, APPEND);
    for (const path of folders.read) allow(path, READ);
    for (const path of [...folders.execute, ...SYSTEM_LIBRARIES]) allow(path, READ | EXECUTE);
    for (const path of READABLE_SYSTEM_FILES) allow(path, READ);
    allow('/dev/null', READ | WRITE_FILE);
    if (!libc.forbidNewPrivileges()) return none('the kernel refused NO_NEW_PRIVS');
    if (libc.syscall(RESTRICT_SELF, ruleset, 0) !== 0) return none('the kernel refused to apply the ruleset');
    return { active: true, detail: `Landlock ABI ${abi}` };
  } finally {
    closeSync(ruleset);
  }
}

function addRule(libc: Libc, ruleset: number, path: string, rights: number): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  const fd = openSync(path, O_PATH_CLOEXEC);
  try {
    const rule = Buffer.alloc(12);
    rule.writeBigUInt64LE(BigInt(stats.isDirectory() ? rights : rights & OF_FILES));
    rule.writeInt32LE(fd, 8);
    const result = libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0);
    if (result !== 0) throw new Error(`Landlock refused a rule for ${path}`);
  } finally {
    closeSync(fd);
  }
}
