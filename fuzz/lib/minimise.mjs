/** Takes away what is not needed for `fails` to answer true, for at most so many milliseconds. */
export async function minimise(input, fails, withinMs = 3_000) {
  const until = Date.now() + withinMs;
  let smallest = input;
  for (let size = input.length >> 1; size >= 1 && Date.now() < until; size >>= 1) {
    for (let at = 0; at < smallest.length && Date.now() < until; ) {
      const without = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      if (await fails(without)) smallest = without;
      else at += size;
    }
  }
  return smallest;
}
