/**
 * Calls a function of the program's. What it throws stops nothing here, and is told loudly: the runtime reports it as an
 * unhandled rejection.
 */
export function callBack(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    void Promise.reject(error);
  }
}
