/** Builds what is not run as it is written: the kernel (AssemblyScript to WebAssembly) and the dashboard. */
import { buildDashboard } from './build-dashboard.ts';
import { buildKernel } from './build-kernel.ts';

await buildKernel();
await buildDashboard();
