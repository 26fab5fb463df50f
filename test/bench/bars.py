# SPDX-License-Identifier: MIT
"""An SVG of horizontal bars in groups, for figures.py and test/wayland/costs.py."""

HEIGHT, GAP, TOP = 13, 12, 56


def svg(title, groups, legend, ticks, left, width=850):
    """groups: of each a label, and pairs of a value and its key in legend. legend: of each key a colour and its
    meaning. ticks: numbers below the bars; longer bars are cut at the last of them."""
    right, y, parts = width - 60, TOP, [f'<text x="20" y="30" font-size="17">{title}</text>']
    def x(value):
        return left + min(value, ticks[-1]) / ticks[-1] * (right - left)
    for label, values in groups:
        parts.append(f'<text x="20" y="{y + (HEIGHT + 1) * len(values) // 2 + 4}">{label}</text>')
        for value, key in values:
            parts.append(f'<rect x="{left}" y="{y}" width="{x(value) - left:.0f}" height="{HEIGHT}" '
                         f'fill="{legend[key][0]}"/><text x="{x(value) + 4:.0f}" y="{y + 11}" font-size="12">'
                         f'{value:.2f}</text>')
            y += HEIGHT + 1
        y += GAP
    for tick in ticks:
        colour = "#888" if tick == 1 else "#ddd"
        parts.insert(0, f'<line x1="{x(tick):.0f}" y1="{TOP - 10}" x2="{x(tick):.0f}" y2="{y}" stroke="{colour}"/>')
        parts.append(f'<text x="{x(tick):.0f}" y="{y + 16}" text-anchor="middle" font-size="12">{tick:g}</text>')
    for i, (colour, meaning) in enumerate(legend.values()):
        at = 20 + (width - 40) // len(legend) * i
        parts.append(f'<rect x="{at}" y="{y + 32}" width="14" height="14" fill="{colour}"/>'
                     f'<text x="{at + 20}" y="{y + 44}">{meaning}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 60}" font-family="sans-serif" '
            'font-size="14">\n<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")
