"""The selfie page as a folder of static files: it paints on the visitor's own machine, without a service.

folder.py       the folder, from the page's own files and those here
network.py      a style's network as the page reads it
static/         what paints in the browser, behind the verbs of the page's api.js
  api.js            the page's verbs, answered by a worker
  worker.js         the worker: pictures in, paintings out
  passes.js         coarse to fine
  network.js        a style's steps on the core
  gpu.js            the same on a GPU, where there is one; gpu-steps.js and gpu-kernels.js are what it runs
  core.js           the core's memory and structures; core.wasm is what `scripts/wasm` compiled
  weights.js        the styles' weights, and mixes
  grain.js, resize.js, blend.js, sheet.js   as the modules of those names in Python
  service-worker.js keeps the files, so that the page works without a connection
"""
