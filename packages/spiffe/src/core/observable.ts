/** A value that changes: readers take `current`, followers are called with each new value, never with the one in force. */
export interface Observable<T> {
  readonly current: T;
  subscribe(follower: (value: T) => void): () => void;
}

export interface MutableObservable<T> extends Observable<T> {
  set(value: T): void;
}

export function createObservable<T>(initial: T): MutableObservable<T> {
  let current = initial;
  const followers = new Set<(value: T) => void>();
  return {
    get current() {
      return current;
    },
    set(value) {
      current = value;
      for (const follower of [...followers]) follower(value);
    },
    subscribe(follower) {
      followers.add(follower);
      return () => followers.delete(follower);
    },
  };
}
