// Drawing one area or one line on a map, with terra-draw: click the corners; those of an area can be dragged later.
import { TerraDraw, TerraDrawLineStringMode, TerraDrawPolygonMode, TerraDrawSelectMode } from "terra-draw";
import { TerraDrawMapLibreGLAdapter } from "terra-draw-maplibre-gl-adapter";
import { css, onTheme } from "gmm/dom";

const EDITABLE = {
  polygon: { feature: { draggable: true, coordinates: { midpoints: true, draggable: true, deletable: true } } },
};

const polygonStyle = () => ({
  fillColor: css("accent"),
  fillOpacity: 0.15,
  outlineColor: css("accent"),
  outlineWidth: 3,
  outlineOpacity: 1,
  closingPointColor: css("accent"),
  closingPointOutlineColor: css("surface"),
  closingPointWidth: 7,
  closingPointOutlineWidth: 2,
  coordinatePointColor: css("surface"),
  coordinatePointOutlineColor: css("accent"),
  coordinatePointWidth: 4,
  coordinatePointOutlineWidth: 2,
});
const selectStyle = () => ({
  selectedPolygonColor: css("accent"),
  selectedPolygonFillOpacity: 0.15,
  selectedPolygonOutlineColor: css("accent"),
  selectedPolygonOutlineWidth: 3,
  selectionPointColor: css("surface"),
  selectionPointOutlineColor: css("accent"),
  selectionPointWidth: 6,
  selectionPointOutlineWidth: 2,
  midPointColor: css("accent"),
  midPointOutlineColor: css("surface"),
  midPointWidth: 4,
  midPointOutlineWidth: 1,
});
const rounded = (ring) => ring.map(([x, y]) => [Number(x.toFixed(6)), Number(y.toFixed(6))]);

/** Puts the tool on a map. `onArea(geometry or null)` is called whenever the area is whole, changed, or gone. */
export function drawArea(map, onArea) {
  const draw = new TerraDraw({
    adapter: new TerraDrawMapLibreGLAdapter({ map }),
    modes: [
      new TerraDrawPolygonMode({ styles: polygonStyle(), showCoordinatePoints: true }),
      new TerraDrawSelectMode({ flags: EDITABLE, styles: selectStyle(), allowManualDeselection: false }),
    ],
  });

  const areas = () =>
    draw
      .getSnapshot()
      .filter(({ properties, geometry }) => properties.mode === "polygon" && geometry.type === "Polygon");

  function edit(id) {
    draw.setMode("select");
    draw.selectFeature(id);
  }

  draw.on("finish", (id) => {
    const area = draw.getSnapshotFeature(id);
    if (area?.geometry.type !== "Polygon") return;
    if (draw.getMode() === "polygon") edit(id);
    onArea(area.geometry);
  });

  let endTheme = /** @type {(() => void) | null} */ (null);
  return {
    /** Shows the tool: with an area to change, or ready for the first corner. */
    start(geometry) {
      if (draw.enabled) return;
      draw.start();
      endTheme = onTheme(() => {
        draw.setModeStyles("polygon", polygonStyle());
        draw.setModeStyles("select", selectStyle());
      });
      draw.setMode("polygon");
      if (geometry?.type !== "Polygon") return;
      const id = draw.getFeatureId();
      draw.addFeatures([
        {
          id,
          type: "Feature",
          properties: { mode: "polygon" },
          geometry: { type: "Polygon", coordinates: geometry.coordinates.map(rounded) },
        },
      ]);
      if (areas().length) edit(id);
    },
    again() {
      draw.setMode("polygon");
      draw.clear();
      onArea(null);
    },
    stop() {
      if (!draw.enabled) return;
      endTheme?.();
      draw.stop();
    },
  };
}

/** Puts the tool for a line on a map. `onLine(geometry)` is called when the last corner is pressed again. */
export function drawLine(map, onLine) {
  const styles = () => ({
    lineStringColor: css("accent"),
    lineStringWidth: 3,
    closingPointColor: css("accent"),
    closingPointOutlineColor: css("surface"),
    closingPointWidth: 7,
    closingPointOutlineWidth: 2,
  });
  const draw = new TerraDraw({
    adapter: new TerraDrawMapLibreGLAdapter({ map }),
    modes: [new TerraDrawLineStringMode({ styles: styles() })],
  });
  draw.on("finish", (id) => onLine(draw.getSnapshotFeature(id).geometry));
  let endTheme = /** @type {(() => void) | null} */ (null);
  return {
    start() {
      draw.start();
      endTheme = onTheme(() => draw.setModeStyles("linestring", styles()));
      draw.setMode("linestring");
    },
    stop() {
      if (!draw.enabled) return;
      endTheme?.();
      draw.stop();
    },
  };
}
