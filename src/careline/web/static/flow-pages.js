// The versions of a flow: sliders say their value, and a line is chosen by its name.
for (const slider of document.querySelectorAll("input[type=range][data-shows]")) {
  slider.addEventListener("input", () => { document.getElementById(slider.dataset.shows).textContent = `${slider.value} %`; });
}
for (const form of document.querySelectorAll("form[data-line-form]")) {
  const line = form.querySelector("[data-line]");
  const aim = () => { form.action = `/lines/${line.value}/flows`; };
  line.addEventListener("change", aim);
  aim();
}
