/** Status with which a supervisor ends whose mesh cannot start as it is: starting it again would change nothing. */
export const SUPERVISOR_REFUSED = 65;
