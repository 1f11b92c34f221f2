/** Loaded before a program. On SIGUSR2 it throws an error that nobody catches. */
process.on('SIGUSR2', () => {
  throw new Error('an error of the suite')
})
