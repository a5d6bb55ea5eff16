"""Programs for the graphics card, each compiled at its first use."""

from __future__ import annotations

from PySide6.QtOpenGL import QOpenGLShader, QOpenGLShaderProgram

from cvstudio.draw.spatial.picture import AMBIENT, EYE_DOME_STRENGTH, HEAD, KEY, KEY_LIGHT, SKY
from ui.views.spatial.opengl.context import OpenGLMissingError

POSITION, NORMAL, COLOUR, PLACE = range(4)
"""Locations of the attributes of a vertex."""

_HEAD = "#version 330 core\n"
_VERTEX = """
layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec4 colour;
layout(location = 3) in vec2 place;
uniform mat4 clip_from_local;
uniform mat4 view_from_local;
uniform vec4 cut;
out vec3 in_view;
out vec3 direction;
out vec4 painted;
out vec2 texel;
void main() {
    gl_Position = clip_from_local * vec4(position, 1.0);
#ifdef FLAT
    in_view = (view_from_local * vec4(position, 1.0)).xyz;
#endif
#ifdef SMOOTH
    direction = normal;
#endif
#ifdef PAINTED
    painted = colour;
#endif
#ifdef TEXTURED
    texel = place;
#endif
#ifdef CUT
    gl_ClipDistance[0] = cut.w - dot(cut.xyz, position);
#endif
}
"""
_FRAGMENT = """
in vec3 in_view;
in vec3 direction;
in vec4 painted;
in vec2 texel;
uniform mat4 view_from_local;
uniform vec3 plain;
uniform sampler2D picture;
out vec4 answer;
void main() {
#if defined(TEXTURED)
    vec3 albedo = texture(picture, texel).rgb;
#elif defined(PAINTED)
    vec3 albedo = painted.rgb;
#else
    vec3 albedo = plain;
#endif
#ifdef FLAT
    // It faces the eye.
    vec3 n = normalize(cross(dFdx(in_view), dFdy(in_view)));
    n = dot(n, in_view) > 0.0 ? -n : n;
    vec3 outside = gl_FrontFacing ? n : -n;
#endif
#ifdef SMOOTH
    vec3 outside = normalize(mat3(view_from_local) * direction);
#ifdef POINT
    vec3 n = outside.z < 0.0 ? -outside : outside;
#else
    vec3 n = gl_FrontFacing ? outside : -outside;
#endif
#endif
#ifdef DIRECTIONS
    albedo = 0.5 + 0.5 * transpose(mat3(view_from_local)) * outside;
#endif
#if (defined(FLAT) || defined(SMOOTH)) && !defined(UNLIT)
    albedo *= AMBIENT * (1.0 + SKY * n.y) + KEY * max(dot(n, KEY_LIGHT), 0.0) + HEAD * n.z * n.z;
#endif
    answer = vec4(albedo, 1.0);
}
"""
_NUMBERS = """
uniform int first;
out vec4 answer;
void main() {
    uint number = uint(first + gl_PrimitiveID);
    uvec4 digits = uvec4(number, number >> 8, number >> 16, number >> 24) & 255u;
    answer = vec4(digits) / 255.0;
}
"""
_WHOLE_PICTURE = """
out vec2 texel;
void main() {
    texel = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    gl_Position = vec4(texel * 2.0 - 1.0, 0.0, 1.0);
}
"""
_EYE_DOME = """
in vec2 texel;
uniform sampler2D colours;
uniform sampler2D depths;
uniform vec2 pixel;
uniform vec2 planes;
uniform bool parallel;
out vec4 answer;
float logarithm(vec2 place) {
    float depth = texture(depths, place).r;
    if (depth >= 1.0) return 100.0;
    float metric = parallel
        ? mix(planes.x, planes.y, depth) - planes.x + 0.5 * (planes.y - planes.x)
        : planes.x * planes.y / (planes.y - depth * (planes.y - planes.x));
    return log2(metric);
}
void main() {
    float own = logarithm(texel);
    float total = 0.0;
    if (own < 100.0) {
        total += max(0.0, own - logarithm(texel + vec2(pixel.x, 0.0)));
        total += max(0.0, own - logarithm(texel - vec2(pixel.x, 0.0)));
        total += max(0.0, own - logarithm(texel + vec2(0.0, pixel.y)));
        total += max(0.0, own - logarithm(texel - vec2(0.0, pixel.y)));
    }
    answer = vec4(texture(colours, texel).rgb * (0.3 + 0.7 * exp(-STRENGTH * min(total, 1.0))), 1.0);
}
"""


def _defined(names: frozenset[str]) -> str:
    numbers = {"AMBIENT": AMBIENT, "KEY": KEY, "HEAD": HEAD, "SKY": SKY, "STRENGTH": EYE_DOME_STRENGTH}
    lines = [f"#define {name} {value:.6f}" for name, value in numbers.items()]
    length = sum(value**2 for value in KEY_LIGHT) ** 0.5
    lines.append("#define KEY_LIGHT vec3({:.6f}, {:.6f}, {:.6f})".format(*(value / length for value in KEY_LIGHT)))
    return "\n".join([*lines, *(f"#define {name}" for name in sorted(names)), ""])


class Programs:
    """The programs of one context."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, frozenset[str]], QOpenGLShaderProgram] = {}

    def surface(self, *names: str) -> QOpenGLShaderProgram:
        """The program for things in space.

        Parameters
        ----------
        names : of "SMOOTH" or "FLAT", "PAINTED" or "TEXTURED", "DIRECTIONS", "POINT", "UNLIT" and "CUT"
        """
        return self._get("surface", frozenset(names), _VERTEX, _FRAGMENT)

    def numbers(self, *, cut: bool) -> QOpenGLShaderProgram:
        """The program that writes the number of each triangle, point or line in place of its colour."""
        return self._get("numbers", frozenset(["CUT"] if cut else []), _VERTEX, _NUMBERS)

    def eye_dome(self) -> QOpenGLShaderProgram:
        """The program that darkens pixels behind their neighbours (Boucheny, thesis, Grenoble 2009)."""
        return self._get("eye dome", frozenset(), _WHOLE_PICTURE, _EYE_DOME)

    def _get(self, kind: str, names: frozenset[str], vertex: str, fragment: str) -> QOpenGLShaderProgram:
        program = self._made.get((kind, names))
        if program is None:
            program = QOpenGLShaderProgram()
            defined = _HEAD + _defined(names)
            stages = {QOpenGLShader.ShaderTypeBit.Vertex: vertex, QOpenGLShader.ShaderTypeBit.Fragment: fragment}
            compiled = all(program.addShaderFromSourceCode(stage, defined + text) for stage, text in stages.items())
            if not compiled or not program.link():
                raise OpenGLMissingError(program.log())
            self._made[kind, names] = program
        return program

    def close(self) -> None:
        """Give all back."""
        self._made.clear()
