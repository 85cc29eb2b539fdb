document.documentElement.classList.remove("no-script");

const [photo, painting] = ["photo", "less-0"].map((id) => document.getElementById(id));
function show(image, { src, alt }) {
  image.src = src;
  image.alt = alt;
}

// The slider through the layers.
const steps = [
  { title: "The photo", words: photo.dataset.words, src: photo.src },
  ...JSON.parse(document.getElementById("steps").textContent),
  { title: "The painting", words: painting.dataset.words, src: painting.src },
];
const slider = document.getElementById("slider");
function step() {
  const { title, words, src } = steps[slider.value];
  show(document.getElementById("shown"), { src, alt: title });
  document.getElementById("title").textContent = title;
  document.getElementById("words").textContent = words;
  slider.setAttribute("aria-valuetext", title);
}
slider.addEventListener("input", step);
step();

// A channel by itself, large, and the photo beside it.
const dialog = document.querySelector("dialog");
const [channel, beside] = dialog.querySelectorAll("img");
for (const button of document.querySelectorAll(".channels button")) {
  button.addEventListener("click", () => {
    show(channel, button.querySelector("img"));
    show(beside, photo);
    dialog.querySelector("figcaption").textContent = channel.alt;
    dialog.showModal();
  });
}
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

// A block switched off.
const less = document.getElementById("less");
show(less, painting);
for (const choice of document.querySelectorAll("[name=off]")) {
  choice.addEventListener("change", () => show(less, document.getElementById(choice.value)));
}
