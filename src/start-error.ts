/** Why the service could not start, said to whoever started it: it can be put right without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * Waits for what can fail for an operator's reasons, and says those as a StartError.
 * `setting` names the variable that gives the port, where it is about one.
 */
export async function forOperator<T>(
  opening: Promise<T>,
  port?: { number: number; setting: string },
): Promise<T> {
  try {
    return await opening;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (port && code === 'EADDRINUSE') {
      const advice = `Stop what listens there, or set ${port.setting} to another one (0 takes a free one).`;
      throw new StartError(`Port ${port.number} is taken. ${advice}`, { cause });
    }
    if (port && code === 'EACCES') {
      const advice = `Set ${port.setting} to one above 1023.`;
      throw new StartError(`This user may not listen on port ${port.number}. ${advice}`, { cause });
    }
    throw new StartError(message, { cause });
  }
}
