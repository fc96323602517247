/**
 * The path of a page as Arbiter compares it: percent-decoded, without leading slashes; the site's root is `/`. What
 * does not decode stays as it is.
 */
export function roomPath(path: string): string {
  let decoded = path;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    // A stray `%` is a name like any other.
  }
  return decoded.replace(/^\/+/, "") || "/";
}
