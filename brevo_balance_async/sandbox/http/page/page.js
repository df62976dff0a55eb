// Sends a form's fields to a control route as JSON, and shows the page anew.
document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const notice = document.getElementById("notice");
  try {
    const body = {};
    const pressed = event.submitter;
    if (pressed && pressed.name) body[pressed.name] = JSON.parse(pressed.value);
    for (const field of form.elements) {
      if (!field.name || field === pressed || field.type === "submit" || field.value === "") continue;
      const plain = field.type !== "number" && field.dataset.kind !== "json";
      body[field.name] = plain ? field.value : JSON.parse(field.value);
    }
    const method = form.dataset.method;
    const answer = await fetch(form.dataset.path, {
      method,
      headers: { "content-type": "application/json" },
      body: method === "POST" ? JSON.stringify(body) : undefined,
    });
    if (!answer.ok) throw new Error((await answer.json()).message);
    location.reload();
  } catch (error) {
    notice.textContent = error.message;
    notice.hidden = false;
    notice.scrollIntoView({ block: "nearest" });
  }
});
