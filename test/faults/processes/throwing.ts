/** Loaded before a program: with SIGUSR2 it throws what nobody catches. */
process.on('SIGUSR2', () => {
  throw new Error('an error of the suite')
})
