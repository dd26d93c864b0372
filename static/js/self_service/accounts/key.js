// Asks the browser for a security key or passkey, and sends what it answers with the form.
const form = document.querySelector("form[data-key]");
const options = JSON.parse(document.getElementById("js_data").textContent);
const fault = document.getElementById("key-fault");

function answer() {
  if (options.creation_options) {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.creation_options.publicKey);
    return navigator.credentials.create({ publicKey });
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.request_options.publicKey);
  return navigator.credentials.get({ publicKey });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  fault.hidden = true;
  try {
    form.elements.credential.value = JSON.stringify(await answer());
    form.submit();
  } catch (error) {
    console.warn(error);
    fault.hidden = false;
  }
});
