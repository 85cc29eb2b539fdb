/** `action`, of which one call at a time is at work; of those that come meanwhile, the last one follows. */
export function coalesce(action) {
  let isAtWork = false;
  let waiting = null; // arguments of the call that follows
  return async (...given) => {
    waiting = given;
    if (isAtWork) return;
    isAtWork = true;
    while (waiting) {
      const now = waiting;
      waiting = null;
      await action(...now);
    }
    isAtWork = false;
  };
}
