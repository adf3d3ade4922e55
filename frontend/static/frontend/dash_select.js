/* The browser's own drop-down as a Dash component: keyboard, screen reader and phone already know it.
 *
 * Props: id, label, value, options [{value, label}], help, hidden. React and the renderer come from Dash.
 */
(function () {
  "use strict";

  function Select(props) {
    const create = window.React.createElement;
    const known = (props.options || []).map(function (option) {
      return create("option", { key: option.value, value: option.value }, option.label);
    });
    const change = function (event) {
      props.setProps({ value: event.target.value });
    };
    return create(
      "div",
      { className: "field", hidden: Boolean(props.hidden) },
      create("label", { htmlFor: props.id }, props.label),
      create("select", { id: props.id, value: props.value || "", onChange: change }, known),
      props.help ? create("span", { className: "field-help" }, props.help) : null
    );
  }

  window.gliomon_dash = { Select: Select };
})();
